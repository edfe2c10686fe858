"""The functions of FHIRPath by family."""
