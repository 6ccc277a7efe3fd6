import sys
from pathlib import Path

bench = Path(__file__).resolve().parents[2] / "bench"
sys.path[:0] = [str(bench / "compare"), str(bench)]
