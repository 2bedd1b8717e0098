"""
A peer: datatrove's DocumentTokenizer, as FineWeb's authors run it: a local pipeline, a task per file of JSON lines.

usage: datatrove_peer.py FOLDER TOKENIZER OUTPUT WORKERS    (in datatrove's own environment)
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer

END = "</s>"

if __name__ == "__main__":
    folder, tokenizer, output, workers = sys.argv[1:]
    steps = [
        JsonlReader(folder, glob_pattern="*.jsonl"),
        DocumentTokenizer(output, tokenizer, eos_token=END, shuffle_documents=False),
    ]
    LocalPipelineExecutor(
        steps, tasks=int(workers), workers=int(workers), logging_dir=f"{output}/logs", skip_completed=False
    ).run()
