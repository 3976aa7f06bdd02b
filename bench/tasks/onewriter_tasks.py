"""For ONEWRITER_TASKS: the tasks as an existing code base would declare them."""

from procrastinate import Blueprint

from bench.tasks.counting import nap, noop, pickup

bench = Blueprint()
bench.task(name="bench.noop", queue="bench")(noop)
bench.task(name="bench.pickup", queue="bench")(pickup)
bench.task(name="bench.nap", queue="bench")(nap)
