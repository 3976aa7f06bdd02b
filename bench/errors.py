"""What ends a measurement."""


class Broken(Exception):
    """This workload could not be measured for this peer; the text says why. The others go on."""
