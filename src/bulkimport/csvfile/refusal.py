"""Why a file as a whole is refused."""


class RefusedFileError(Exception):
    """No job can come of this file.

    `code` is one of a closed list (the HTTP side gives each a problem of its own); `detail` is a sentence
    for the person who made the file, with the row or the columns that are to blame.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
