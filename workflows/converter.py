"""How models become payloads: Pydantic JSON without the fields that were never set, so that history stays small."""

import dataclasses

from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions, pydantic_data_converter


class SparsePydanticPayloadConverter(PydanticPayloadConverter):
    """Leave out unset fields; whoever reads fills in the same defaults."""

    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))


DATA_CONVERTER = dataclasses.replace(pydantic_data_converter, payload_converter_class=SparsePydanticPayloadConverter)
"""Clients and workers must use the same one."""
