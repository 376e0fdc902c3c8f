"""Options as jobs store them."""

from bulkimport.jobs.options import Options


def test_options_are_read_as_they_were_stored() -> None:
    options = Options(delimiter=";", columns={"Asset Tag": "identifier"}, dry_run=True)
    assert Options.from_stored(options.stored()) == options


def test_options_of_another_release_are_ignored() -> None:
    assert Options.from_stored({"dry_run": True, "colour": "grey"}) == Options(dry_run=True)
