"""The register of methods as pages that people read."""

from typing import Any

from service import html

#: Heading → field of an entry, in the order in which a reader asks.
_SECTIONS = {
    "What it is for": "goal",
    "What may follow from it": "impact",
    "How it works": "methods_and_models",
    "What it assumes": "assumptions",
    "Known limits": "known_limitations",
    "When not to use it": "when_not_to_use",
    "Multiple testing": "multiple_testing",
    "What was measured": "performance",
    "Human oversight": "human_intervention",
    "Non-discrimination": "non_discrimination",
    "Risks": "risk_management",
    "Monitoring": "monitoring",
    "Data": "source_data",
}


def register_page(document: dict[str, Any]) -> list[str]:
    """Return all methods as a table."""
    rows = [
        (
            html.anchor(str(one.get("title", one["id"])), f"{one['links'][0]['href']}?f=html"),
            one.get("goal", one.get("description", "")),
            " ".join(one.get("when_not_to_use", ())),
            one.get("version"),
            one.get("last_review"),
        )
        for one in document["methods"]
    ]
    names = ["Method", "What it is for", "When not to use it", "Version", "Last review"]
    return [
        html.paragraph("No method decides anything: each shows people where to look, and how sure that is."),
        html.table("All methods", names, rows),
        html.heading("Links"),
        html.link_list(document["links"]),
    ]


def method_page(document: dict[str, Any]) -> list[str]:
    """Return one method, section by section."""
    parts: list[str] = [html.paragraph(document.get("description", ""))]
    for heading, name in _SECTIONS.items():
        if body := _section(name, document.get(name)):
            parts += [html.heading(heading), body]
    return [
        *parts,
        *_sources(document.get("data_sources", [])),
        html.heading("Inputs"),
        html.table("Inputs", ["Name", "Meaning", "Default"], _inputs(document.get("parameters", {}))),
        html.heading("References"),
        html.items(document.get("references", [])),
        html.heading("Register"),
        html.definitions(_facts(document)),
        html.heading("Links"),
        html.link_list(document["links"]),
    ]


def _section(name: str, value: Any) -> str:
    if name == "performance" and value:
        rows = [(one["statement"], one["page"], one["command"]) for one in value]
        return html.table("What was measured", ["Result", "Printed in", "Made by"], rows)
    if name == "risk_management" and value:
        return html.table(
            "Risks", ["Risk", "What is done"], [(one["risk"], one["mitigation"]) for one in value]
        )
    if isinstance(value, str):
        return html.paragraph(value)
    return html.items(value or [])


def _sources(sources: list[dict[str, Any]]) -> list[str]:
    rows = [(one["input"], " or ".join(one["kinds"]), one["required"], one["description"]) for one in sources]
    return [html.table("Data sources", ["Input", "Kind", "Needed", "Meaning"], rows)] if rows else []


def _inputs(inputs: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (name, one.get("description") or one.get("title"), one.get("schema", {}).get("default"))
        for name, one in inputs.items()
    ]


def _facts(document: dict[str, Any]) -> dict[str, Any]:
    facts = {
        "Version": document.get("version"),
        "Last review": document.get("last_review"),
        "Decides by itself": document.get("automated_decisions"),
        "Learns from data": document.get("learns_from_data"),
        "Source code": ", ".join(document.get("source_code", [])),
        "To be completed by the operator": ", ".join(document.get("completed_by_operator", [])),
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}
