"""What root writes into a checkout for the user behind sudo is that user's: else he could not remove it."""

import os
from pathlib import Path

from .settings import invoking_user


def give(path):
    user = invoking_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def make_folder(path):
    """Makes a folder and those above it that are missing."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        give(folder)


def give_tree(path):
    """Gives a folder away with all that is in it. Only what has ended: the keys of a cluster that runs are root's."""
    if invoking_user() is None:
        return
    give(path)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            give(Path(folder) / name)
