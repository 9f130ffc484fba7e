"""The official client of OpenAI for Python, and LangChain's loader of recordings, against the server in OPENAI_BASE_URL."""

import asyncio
import json
import sys
import warnings

import openai

warnings.simplefilter("ignore")
RECORDING = sys.argv[1]
MODEL = "whisper-1"


def everything() -> dict[str, str]:
    client = openai.OpenAI()
    transcribe = client.audio.transcriptions.create
    texts = {}
    with open(RECORDING, "rb") as file:
        texts["json"] = transcribe(file=file, model=MODEL).text
    with open(RECORDING, "rb") as file:
        verbose = transcribe(file=file, model=MODEL, response_format="verbose_json", temperature=0)
        assert verbose.segments and verbose.segments[0].end > 0 and verbose.duration > 0, verbose
        texts["verbose_json"] = verbose.text
    for response_format in ("text", "srt", "vtt"):
        with open(RECORDING, "rb") as file:
            texts[response_format] = transcribe(file=file, model=MODEL, response_format=response_format)
    with open(RECORDING, "rb") as file:
        stream = transcribe(file=file, model=MODEL, stream=True)
        texts["stream"] = "".join(message.delta for message in stream if message.type == "transcript.text.delta")
    assert [model.id for model in client.models.list()][0] == MODEL
    try:
        transcribe(file=("notes.txt", b"this is no recording"), model=MODEL)
    except openai.BadRequestError as error:
        assert error.code == "not_audio", error
    else:
        raise AssertionError("text was transcribed")
    return texts


async def side_by_side(count: int) -> list[str]:
    async with openai.AsyncOpenAI() as client:

        async def one() -> str:
            with open(RECORDING, "rb") as file:
                return (await client.audio.transcriptions.create(file=file, model=MODEL)).text

        return await asyncio.gather(*(one() for _ in range(count)))


def langchain() -> str:
    from langchain_community.document_loaders.blob_loaders import Blob
    from langchain_community.document_loaders.parsers.audio import OpenAIWhisperParser

    parser = OpenAIWhisperParser(api_key="none", model=MODEL)
    return " ".join(document.page_content for document in parser.lazy_parse(Blob.from_path(RECORDING)))


texts = everything()
for at, text in enumerate(asyncio.run(side_by_side(3))):
    texts[f"async {at + 1}"] = text
texts["langchain"] = langchain()
print(json.dumps(texts))
