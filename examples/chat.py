"""chat.py [MODEL]: a conversation. Each line is a turn; an empty one, or the end of the input, ends it."""

import sys

import skald


def main(path: str | None = None) -> None:
    model = skald.turbo(path)
    messages = [{"role": "system", "content": "You tell very short stories."}]
    while line := input("You: ").strip():
        messages.append({"role": "user", "content": line})
        answer = ""
        for piece in model.chat(messages, stream=True, max_new_tokens=80, seed=len(messages)):
            print(piece, end="", flush=True)
            answer += piece
        print()
        messages.append({"role": "assistant", "content": answer})


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (EOFError, KeyboardInterrupt):
        print()
