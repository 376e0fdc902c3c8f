"""The rules that a job's options make for its rows."""

from dataclasses import replace
from typing import Any

from bulkimport.assets.blank_cells import BlankCells, default_value
from bulkimport.assets.rows import RowRules
from bulkimport.csvfile import records
from bulkimport.csvfile.chunks import Chunk
from bulkimport.csvfile.header import Columns
from bulkimport.csvfile.records import Records
from bulkimport.jobs.options import CLEAR, GENERATE, UPDATE, Options
from bulkimport.store.chunks import StoredChunk


def of_job(columns: Columns, options: Options) -> RowRules:
    """The rules for a file with these columns."""
    return RowRules(
        columns,
        date_formats=options.date_formats,
        partial=options.on_conflict == UPDATE,
        accept_numbers=options.accept_numbers,
        blank_cells=_blank_cells(options),
    )


def read_rows(chunk: Chunk | StoredChunk, options: Options) -> Records:
    """The rows of a chunk, blank records left out."""
    read = records.read(
        chunk.body, delimiter=options.delimiter, first_row=chunk.first_row, first_line=chunk.first_line
    )
    if options.sheet is None:
        return read
    return replace(read, lines=read.rows)  # the lines of the text that a workbook became mean nothing


def default_values(options: Options) -> dict[str, Any]:
    """The values of the options' defaults."""
    return {name: default_value(name, text) for name, text in options.defaults.items()}


def _blank_cells(options: Options) -> BlankCells:
    """What blank cells mean; which rows create assets and so have defaults may not be known yet."""
    return BlankCells(
        {} if options.on_conflict == UPDATE else default_values(options),
        generate_identifiers=options.identifiers == GENERATE,
        clear_empty=options.empty == CLEAR,
        clear_value=options.clear_value,
    )
