"""Starts the real refgenieserver over a folder of its own, its access log off unless ACCESS_LOG=1.

Its program knows no setting for either: it reads archives from /genomes, and always logs.
"""
import functools
import os
import sys

import uvicorn
from refgenieserver import const, helpers
from refgenieserver.main import main

# Both modules have a copy; its own app_factory changes the same two.
const.BASE_DIR = helpers.BASE_DIR = os.environ["ARCHIVES"]
uvicorn.run = functools.partial(uvicorn.run, access_log=os.environ.get("ACCESS_LOG") == "1")
sys.exit(main())
