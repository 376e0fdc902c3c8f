"""Options as jobs keep them."""

from bulkimport.jobs.options import Options


def test_options_come_back_as_they_were_stored() -> None:
    options = Options(delimiter=";", columns={"Asset Tag": "identifier"}, dry_run=True)
    assert Options.from_stored(options.stored()) == options


def test_what_another_release_kept_does_no_harm() -> None:
    assert Options.from_stored({"dry_run": True, "colour": "grey"}) == Options(dry_run=True)
