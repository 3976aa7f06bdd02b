"""Random histories of the contract, compared step by step with a model of the job's state machine."""
