#!/usr/bin/env python3
"""The `openai` package talks to `knowcoder serve`.

    scripts/serve/openai_client.py --program target/release/knowcoder CHECKPOINT

Starts a server with a token on a free port of this machine and asks it as any program asks OpenAI: completions and
chat, whole and as streams, several answers, stop strings, seeds, many at once, and each kind of error, which must come
as the package's own exception. Nothing leaves this machine. Needs the environment of scripts/reference/setup.sh.
Exit code 1: something is not as the package expects it, and is said.
"""

import argparse
import asyncio
import sys

import openai

sys.dont_write_bytecode = True
from server import TOKEN, Server  # noqa: E402

MODEL = "checked"
# As the quick start's prompts end, so that its model goes on.
PROMPT = 'class Person(Entity):\n\tpass\n\nsentence = "Nora Webb lives in Bonn."\n\nresults = ['


def expect(what, is_so):
    if not is_so:
        raise SystemExit(f"not so: {what}")
    print(f"{what}: as it should be")


def expect_error(what, kind, ask):
    try:
        ask()
    except kind as error:
        is_said = bool(error.body and error.body.get("message")) if isinstance(error.body, dict) else False
        expect(f"{what} is {kind.__name__}, with a sentence", is_said)
        return
    raise SystemExit(f"not so: {what} is {kind.__name__}, but it was answered")


def completions(client):
    def complete(**more):
        return client.completions.create(model=MODEL, prompt=PROMPT, **{"max_tokens": 24, **more})

    whole = complete(temperature=0)
    text = whole.choices[0].text
    expect("a completion has text", len(text) > 0 and whole.choices[0].finish_reason in ("stop", "length"))
    usage = whole.usage
    expect("its tokens are counted", 0 < usage.completion_tokens <= 24 and usage.prompt_tokens > 0)
    expect("their sum is right", usage.total_tokens == usage.prompt_tokens + usage.completion_tokens)
    expect("the likeliest tokens are always the same", complete(temperature=0).choices[0].text == text)
    pieces = list(complete(temperature=0, stream=True))
    expect("the pieces of a stream are the text", "".join(piece.choices[0].text for piece in pieces) == text)
    expect("the last piece says why", pieces[-1].choices[0].finish_reason == whole.choices[0].finish_reason)
    stop = next((character for character in text if character.isalnum()), text[-1])
    stopped = complete(temperature=0, stop=[stop]).choices[0]
    expect("a stop string ends it", stopped.text == text.split(stop)[0] and stopped.finish_reason == "stop")
    drawn = complete(temperature=1.0, top_p=0.95, seed=7, n=3)
    expect("several answers have their numbers", [choice.index for choice in drawn.choices] == [0, 1, 2])
    again = complete(temperature=1.0, top_p=0.95, seed=7, n=3)
    expect("a seed decides", [c.text for c in drawn.choices] == [c.text for c in again.choices])
    several = client.completions.create(model=MODEL, prompt=[PROMPT, "Bonn"], max_tokens=4, temperature=0)
    expect("several prompts have an answer each", len(several.choices) == 2)
    return text


def chat(client, text):
    messages = [{"role": "user", "content": PROMPT}]

    def answer(**more):
        return client.chat.completions.create(model=MODEL, messages=messages, max_tokens=24, temperature=0, **more)

    whole = answer()
    expect("a message alone is the prompt", whole.choices[0].message.content == text)
    expect("it is the assistant's", whole.choices[0].message.role == "assistant" and whole.object == "chat.completion")
    pieces = list(answer(stream=True, stream_options={"include_usage": True}))
    streamed = "".join(choice.delta.content or "" for piece in pieces for choice in piece.choices)
    expect("the pieces of a chat are the message", streamed == text)
    expect("the stream ends with the counts", pieces[-1].usage == whole.usage and not pieces[-1].choices)


def errors(client, url):
    def complete(**more):
        return client.completions.create(**{"model": MODEL, "prompt": PROMPT, "max_tokens": 4, **more})

    expect_error("another model", openai.NotFoundError, lambda: complete(model="gpt-4"))
    expect_error("too many tokens", openai.BadRequestError, lambda: complete(max_tokens=10**6))
    expect_error("a prompt that is too long", openai.BadRequestError, lambda: complete(prompt="a b c d " * 20_000))
    expect_error("what is not done here", openai.BadRequestError, lambda: complete(echo=True))
    stranger = openai.OpenAI(base_url=f"{url}/v1", api_key="another", max_retries=0)
    expect_error("another token", openai.AuthenticationError, lambda: stranger.models.list())


async def many(url, text):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0) as client:
        ask = [client.completions.create(model=MODEL, prompt=PROMPT, max_tokens=24, temperature=0) for _ in range(16)]
        answers = await asyncio.gather(*ask)
    expect("sixteen at once have the answer of one", all(answer.choices[0].text == text for answer in answers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("checkpoint")
    options = parser.parse_args()
    with Server(options.program, options.checkpoint, ["--name", MODEL], token=True) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key=TOKEN, max_retries=0)
        expect("the model is listed", [model.id for model in client.models.list()] == [MODEL])
        expect("it is found by its name", client.models.retrieve(MODEL).id == MODEL)
        text = completions(client)
        chat(client, text)
        errors(client, server.url)
        asyncio.run(many(server.url, text))
        expect("the server ends as it should", server.stop() == 0)
        expect("and has not said its token", TOKEN not in "".join(server.said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
