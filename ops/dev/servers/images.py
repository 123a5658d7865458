"""The images that servers for tests are made from, and whether a Docker is there to run them.

A session that was told an image gets that image or fails: it never takes another server instead.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

VARIABLE = "TRANSHIP_TEST_IMAGES"
MATRIX = ("mysql:8.0", "mysql:8.4", "mysql:9.7", "mariadb:10.11", "mariadb:11.4")
# The same versions as the sandbox's, which tests run on where no Docker answers.
USUAL = {"mysql": "mysql:9.7", "mariadb": "mariadb:10.11"}


class ImageError(Exception):
    """The images that were chosen can't be what the tests run on."""


def flavour_of(image: str) -> str:
    """As the last part of the image's name says it.

    Raises:
        ImageError: it says neither.
    """
    name = image.rpartition("/")[2].partition(":")[0]
    if name not in USUAL:
        raise ImageError(f"{image} is no image of {' or '.join(USUAL)}.")
    return name


def images_for(
    flavours: tuple[str, str], environment: Mapping[str, str] = os.environ
) -> tuple[str, str]:
    """The images of the old and of the new server: two that were chosen, or one for both.

    Raises:
        ImageError: what was chosen is of another flavour, or not one or two.
    """
    chosen = environment.get(VARIABLE)
    if not chosen:
        return USUAL[flavours[0]], USUAL[flavours[1]]
    old, _, new = chosen.partition(",")
    images = (old, new or old)
    if (flavour_of(images[0]), flavour_of(images[1])) != flavours:
        raise ImageError(f"{VARIABLE} is {chosen}, and the tests ask for {' and '.join(flavours)}.")
    return images


def use_docker(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether servers come from Docker; else they come from the sandbox.

    Raises:
        ImageError: an image was chosen, and no Docker answers.
    """
    answers = docker_answers()
    if environment.get(VARIABLE) and not answers:
        raise ImageError(f"{VARIABLE} is set, and no Docker answers.")
    return answers


def docker_answers() -> bool:
    import docker

    try:
        docker.from_env(timeout=3).ping()
    except Exception:  # whatever is wrong with it, it can't run a server
        return False
    return True


def exact_version(image: str) -> str:
    """The server's version in the image that is here: a tag is moved to newer ones."""
    import docker

    about = docker.from_env().images.get(image).attrs["Config"]["Env"]
    return version_in(about, flavour_of(image))


def version_in(environment: list[str], flavour: str) -> str:
    """What an image says about itself: MYSQL_VERSION, MARIADB_VERSION."""
    known = dict(line.partition("=")[::2] for line in environment)
    return known.get(f"{flavour.upper()}_VERSION", "version unknown")
