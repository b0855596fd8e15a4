"""What every group of settings is: closed, frozen, documented by the docstrings under its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _Absent:
    """An attribute that is not there."""

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError


class _Meta(ModelMetaclass):
    """Lets a setting be called `register`.

    Pydantic would take the method of that name, which classes inherit from abc.ABCMeta, for its default.
    """

    register = _Absent()


class Section(BaseModel, metaclass=_Meta):
    """A closed, frozen group of settings; the docstring under a field is its help text."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
