"""From a request to a caller, from a refusal to a page or an OperationOutcome."""
