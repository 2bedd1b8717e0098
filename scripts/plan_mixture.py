"""Say what each phase draws from each dataset: shares, tokens, epochs and caps, from real counts or estimates."""

from nano3.preview.command import show
from nano3.preview.mixture import as_text, mixture_plan

if __name__ == "__main__":
    show(str(__doc__), 1, mixture_plan, as_text, "mixture_picture")
