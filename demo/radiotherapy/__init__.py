"""Made-up radiotherapy cases: from analytic bodies, and from phantoms and patients that others published.

None of them may be used for treating anybody.
"""
