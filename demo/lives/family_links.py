"""Mother and child inside one library: the child's RelatedPerson, and the mother's Patient pointing to it."""

from __future__ import annotations

from demo.lives.life import Charts
from demo.people import Person
from demo.shapes.concepts import HL7, coding, concept, reference
from tianfu.standards.china import identifier_systems as systems


def link_mother(charts: Charts, library_key: str, child: Person, mother: Person) -> str:
    """Write who the child's mother is; her own chart in the same library names the relation."""
    chart = charts.of(library_key, child)
    mothers_chart = charts.of(library_key, mother)
    relation = chart.write(
        {
            "resourceType": "RelatedPerson",
            "identifier": [{"system": systems.IDENTITY_NUMBER, "value": mother.identity_number}],
            "active": True,
            "patient": reference(chart.patient),
            "relationship": [concept("母亲", coding(f"{HL7}/v3-RoleCode", "MTH", "mother"))],
            "name": [{"use": "official", "text": mother.name.text}],
            "telecom": [{"system": "phone", "value": mother.phone}],
            "gender": "female",
            "birthDate": mother.born.isoformat(),
        }
    )
    mothers_chart.links.append(relation)
    return relation
