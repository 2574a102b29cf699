"""Bodies that clients send, as Pydantic reads them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ExecuteRequest(BaseModel):
    """A request to run a process (OGC API Processes)."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    response: Literal["raw", "document"] = "raw"


class AnalysisDefinition(BaseModel):
    """An analysis to be saved: a method with its parameters over named layers."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    method: str
