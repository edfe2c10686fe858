"""Values that know nothing of health care: ids, instants, refusals."""
