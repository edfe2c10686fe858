"""Rules by which a plan is looked over before a person does: what fits, what does not, and what could not be judged.

In the spirit of plan and chart review (AAPM TG-275, https://doi.org/10.1002/mp.14030).  No rule clears a plan: not for
clinical use.
"""
