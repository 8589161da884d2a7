"""The same templates and probes in a bare usearch index: usearch_index.py DIR (as `bench gallery --peer DIR` wrote it).

Tells how long it takes to build, how much memory it takes, CPU time a search, and how often its answer is the exact one.
"""

import os
import resource
import sys
import time

import numpy
from usearch.index import Index

DIMENSION = 128


def load(name):
    return numpy.fromfile(os.path.join(sys.argv[1], name), numpy.float32).reshape(-1, DIMENSION)


def cpu():
    return time.process_time()


templates, probes = load("templates.f32"), load("probes.f32")[:500]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = cpu()
index = Index(ndim=DIMENSION, metric="ip", dtype="i8")
index.add(numpy.arange(len(templates)), templates, threads=2)
print(f"{len(templates)} templates: built in {cpu() - begun:.1f} CPU s, {index.memory_usage / 1e6:.0f} MB")
begun = cpu()
found = [int(index.search(probe, 1, threads=1).keys[0]) for probe in probes]
spent = (cpu() - begun) / len(probes)
exact = [int(numpy.argmax(templates @ probe)) for probe in probes]
same = sum(a == b for a, b in zip(found, exact)) / len(probes)
print(f"{1e3 * spent:.3f} CPU ms a search, the exact answer for {100 * same:.1f} %")
