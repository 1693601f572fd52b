"""The languages that the model can sing in: their codes, and the names people use for them."""

from __future__ import annotations

from acestep_cli.request.problems import BadValue, shown

UNKNOWN = "unknown"

# Code: English name, then names in the language itself and codes that other systems use.
NAMES: dict[str, tuple[str, ...]] = {
    "ar": ("arabic", "العربية"),
    "az": ("azerbaijani", "azerbaijan", "azərbaycanca"),
    "bg": ("bulgarian", "български"),
    "bn": ("bengali", "bangla", "বাংলা"),
    "ca": ("catalan", "català"),
    "cs": ("czech", "čeština", "cz"),
    "da": ("danish", "dansk", "dk"),
    "de": ("german", "deutsch"),
    "el": ("greek", "ελληνικά", "gr"),
    "en": ("english",),
    "es": ("spanish", "español", "espanol", "castilian"),
    "fa": ("persian", "farsi", "فارسی"),
    "fi": ("finnish", "suomi"),
    "fr": ("french", "français", "francais"),
    "he": ("hebrew", "עברית", "iw"),
    "hi": ("hindi", "हिन्दी", "हिंदी"),
    "hr": ("croatian", "hrvatski"),
    "ht": ("haitian creole", "haitian", "kreyòl ayisyen"),
    "hu": ("hungarian", "magyar"),
    "id": ("indonesian", "bahasa indonesia", "in"),
    "is": ("icelandic", "íslenska"),
    "it": ("italian", "italiano"),
    "ja": ("japanese", "日本語", "jp"),
    "ko": ("korean", "한국어", "kr"),
    "la": ("latin", "latina"),
    "lt": ("lithuanian", "lietuvių"),
    "ms": ("malay", "bahasa melayu"),
    "ne": ("nepali", "नेपाली"),
    "nl": ("dutch", "nederlands", "flemish"),
    "no": ("norwegian", "norsk", "nb", "nn"),
    "pa": ("punjabi", "panjabi", "ਪੰਜਾਬੀ"),
    "pl": ("polish", "polski"),
    "pt": ("portuguese", "português", "portugues", "brazilian portuguese"),
    "ro": ("romanian", "română"),
    "ru": ("russian", "русский"),
    "sa": ("sanskrit", "संस्कृतम्"),
    "sk": ("slovak", "slovenčina"),
    "sr": ("serbian", "српски", "srpski"),
    "sv": ("swedish", "svenska"),
    "sw": ("swahili", "kiswahili"),
    "ta": ("tamil", "தமிழ்"),
    "te": ("telugu", "తెలుగు"),
    "th": ("thai", "ไทย"),
    "tl": ("tagalog", "filipino", "fil"),
    "tr": ("turkish", "türkçe"),
    "uk": ("ukrainian", "українська", "ua"),
    "ur": ("urdu", "اردو"),
    "vi": ("vietnamese", "tiếng việt", "vn"),
    "yue": ("cantonese", "粵語", "粤语", "zh-yue", "zh-hk"),
    "zh": ("chinese", "mandarin", "mandarin chinese", "中文", "cmn", "cn"),
    UNKNOWN: ("auto", "detect"),
}

LANGUAGES: tuple[str, ...] = tuple(NAMES)
_BY_NAME = {name: code for code, names in NAMES.items() for name in (code, *names)}


def parse_language(text: str) -> str:
    """One of the 51 codes for a code, a name or a tag with a region (`zh-CN`), or BadValue."""
    lowered = " ".join(text.lower().replace("_", "-").split())
    code = _BY_NAME.get(lowered) or _BY_NAME.get(lowered.split("-")[0])
    if code is None:
        raise BadValue(
            f"vocal_language {shown(text)} is not a language that the model knows",
            f"choose one of {' '.join(LANGUAGES)}",
        )
    return code
