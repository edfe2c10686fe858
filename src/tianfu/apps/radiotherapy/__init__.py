"""Cloud radiotherapy: cases, structures, plans, doses and how they are judged.

Not for clinical use until commissioned and registered.
"""
