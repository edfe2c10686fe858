"""Settlement: what a hospital visit cost, who paid which share; Coverage, Claim and ExplanationOfBenefit."""

from __future__ import annotations

from dataclasses import dataclass

from demo.facilities import insurer
from demo.libraries import Chart, Resource
from demo.shapes.concepts import HL7, OWN, coding, concept, hl7_concept, moment, money, period, quantity, reference
from demo.shapes.visits import Visit
from demo.tables import table

INSURED_SHARE_STAY = 0.68
INSURED_SHARE_VISIT = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line of a bill; `kind` is registration, medicine, laboratory, study, treatment or bed."""

    kind: str
    text: str
    price: float
    count: int = 1

    @property
    def net(self) -> float:
        """The line's amount."""
        return round(self.price * self.count, 2)


_KINDS = {
    "registration": "诊察费",
    "medicine": "药品费",
    "laboratory": "化验费",
    "study": "检查费",
    "treatment": "治疗费",
    "bed": "床位费",
}


def medicine_charge(key: str, boxes: int = 1) -> Charge:
    """The bill line of a medicine."""
    row = table("medicines")["medicines"][key]
    return Charge(kind="medicine", text=f"{row['name']} {row['strength']}", price=row["price"], count=boxes)


def panel_charge(key: str) -> Charge:
    """The bill line of a laboratory panel."""
    row = table("observations")["panels"][key]
    return Charge(kind="laboratory", text=row["name"], price=12.0 + 6.5 * len(row["items"]))


def study_charge(key: str) -> Charge:
    """The bill line of an examination."""
    row = table("imaging")["studies"][key]
    return Charge(kind="study", text=row["name"], price=float(row["price"]))


def procedure_charge(key: str) -> Charge:
    """The bill line of a procedure."""
    row = table("procedures")["procedures"][key]
    return Charge(kind="treatment", text=row["name"], price=float(row["price"]))


def settle(visit: Visit, charges: list[Charge], *, conditions: tuple[str, ...] = (), stay: bool = False) -> str:
    """Write the Claim of a visit and the ExplanationOfBenefit that answers it."""
    coverage = _coverage(visit.chart)
    share = INSURED_SHARE_STAY if stay else INSURED_SHARE_VISIT
    common = _common(visit, conditions, stay=stay)
    claim: Resource = {
        "resourceType": "Claim",
        **common,
        "insurance": [{"sequence": 1} | _insured(coverage)],
        "priority": {"coding": [coding(f"{HL7}/processpriority", "normal", "Normal")]},
        "item": [_item(visit, number, charge) for number, charge in enumerate(charges, 1)],
        "total": money(sum(charge.net for charge in charges)),
    }
    claimed = visit.write(claim)
    return visit.write(_benefit(visit, common | {"insurance": [_insured(coverage)]}, charges, claimed, share))


def _benefit(visit: Visit, common: Resource, charges: list[Charge], claimed: str, share: float) -> Resource:
    total = sum(charge.net for charge in charges)
    paid = sum(_paid(charge, share) for charge in charges)
    return {
        "resourceType": "ExplanationOfBenefit",
        **common,
        "claim": reference(claimed),
        "outcome": "complete",
        "disposition": "医保结算完成",
        "item": [
            _item(visit, number, charge) | {"adjudication": _adjudication(charge, share)}
            for number, charge in enumerate(charges, 1)
        ],
        "total": [
            {"category": _adjudicated("submitted", "Submitted Amount"), "amount": money(total)},
            {"category": _adjudicated("benefit", "Benefit Amount"), "amount": money(paid)},
            {"category": _adjudicated("copay", "CoPay"), "amount": money(total - paid)},
        ],
        "payment": {"date": visit.end.date().isoformat(), "amount": money(paid)},
    }


def _common(visit: Visit, conditions: tuple[str, ...], *, stay: bool) -> Resource:
    kind = ("institutional", "Institutional") if stay else ("professional", "Professional")
    body: Resource = {
        "identifier": [
            {
                "system": f"{visit.chart.library.source}/bill",
                "value": f"B{visit.start:%y%m%d}{visit.dice.randrange(10**7):07}",
            }
        ],
        "status": "active",
        "type": {"coding": [coding(f"{HL7}/claim-type", *kind)], "text": "住院结算" if stay else "门诊结算"},
        "use": "claim",
        "patient": visit.chart.subject,
        "billablePeriod": period(visit.start, visit.end),
        "created": moment(visit.end),
        "insurer": reference(insurer(visit.chart.library)),
        "provider": reference(visit.place.organisation, visit.place.organisation_name),
    }
    if conditions:
        body["diagnosis"] = [
            {"sequence": number, "diagnosisReference": reference(condition)}
            for number, condition in enumerate(conditions, 1)
        ]
    return body


def _insured(coverage: str) -> Resource:
    return {"focal": True, "coverage": reference(coverage)}


def _item(visit: Visit, number: int, charge: Charge) -> Resource:
    return {
        "sequence": number,
        "category": concept(_KINDS[charge.kind], coding(f"{OWN}/charge-kind", charge.kind)),
        "productOrService": concept(charge.text),
        "servicedDate": visit.start.date().isoformat(),
        "quantity": quantity(charge.count, "1", "次" if charge.kind != "medicine" else "盒"),
        "unitPrice": money(charge.price),
        "net": money(charge.net),
        "encounter": [reference(visit.reference)],
    }


def _adjudication(charge: Charge, share: float) -> list[Resource]:
    paid = _paid(charge, share)
    return [
        {"category": _adjudicated("submitted", "Submitted Amount"), "amount": money(charge.net)},
        {"category": _adjudicated("benefit", "Benefit Amount"), "amount": money(paid)},
        {"category": _adjudicated("copay", "CoPay"), "amount": money(charge.net - paid)},
    ]


def _adjudicated(code: str, display: str) -> Resource:
    return {"coding": [coding(f"{HL7}/adjudication", code, display)]}


def _paid(charge: Charge, share: float) -> float:
    return round(charge.net * (0 if charge.kind == "registration" else share), 2)


def _coverage(chart: Chart) -> str:
    """The insurance of a chart's person, written at the first bill."""
    if chart.coverage is None:
        rural = not chart.person.home.urban
        chart.coverage = chart.write(
            {
                "resourceType": "Coverage",
                "status": "active",
                "type": {"text": "城乡居民基本医疗保险" if rural else "城镇职工基本医疗保险"},
                "beneficiary": chart.subject,
                "relationship": hl7_concept("subscriber-relationship", "self", "Self")[0],
                "payor": [reference(insurer(chart.library))],
            }
        )
    return chart.coverage
