"""A generation: its text goes out piece by piece, and nobody has to be there to read it."""

from procrastinate import Blueprint

from examples.mediastream import model
from worker.run import RunContext

mediastream = Blueprint()


@mediastream.task(name="generate", queue="mediastream", pass_context=True)  # type: ignore[arg-type]  # stock says JobContext
async def generate(context: RunContext, prompt: str, words: int = 300) -> dict[str, int]:
    """Cancelled, it ends where it waits for the next word."""
    context.log("the model begins", words=words)
    characters = 0
    async for piece in context.track(model.stream(prompt, words), total=words):
        context.emit(piece)
        characters += len(piece)
    context.log("the model has ended", characters=characters)
    return {"characters": characters}
