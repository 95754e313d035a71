"""The stages, one script each: `python -m stages.NAME` in the folder of the run."""

from huse.engine.cores import check_address_space
from huse.errors import in_one_line

with in_one_line():
    check_address_space()  # before a stage imports what needs it
