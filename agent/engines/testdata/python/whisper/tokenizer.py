"""A part of the library's table of languages."""

LANGUAGES = {"en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian"}
TO_LANGUAGE_CODE = {name: code for code, name in LANGUAGES.items()}
