"""What the verifier can read: English prose; no other script, language, code or table."""

from __future__ import annotations

import re

_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_WORD = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"[{}<>=\\|;_^~`]|\$(?!\d)|\[(?!\d+\])|(?<!\d)\]|\(\)|->|::|//")
_ENGLISH = frozenset(
    "the of and to is in that it for on with as was are be this have from or by not but at which you we "
    "they his her he she an will has been were can does did do had their there what when who how if no "
    "more than its all any may must a i my your our".split()
)
_OTHER = (
    frozenset(
        # German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish, Turkish, Indonesian, Finnish,
        # Hungarian
        "der die das und ist nicht ein eine mit auf für von den dem sich auch wird sind bei zu im "
        "wann wer wie wo "
        "le les des et est une dans pour pas que qui sur avec du au aux ce sont il elle quand comment où "
        "el los las y es una por con para del no se lo su la de dónde está cómo qué cuál cuándo "
        "il gli e è un di che non per sono della nel "
        "o os as um uma não com da ao em "
        "het een van niet zijn voor op te dat wordt "
        "och är inte ett på som av det "
        "i nie jest w na się z do że "
        "ve bir bu için değil "
        "yang dan tidak adalah dengan untuk itu "
        "ja ei että missä mikä milloin "
        "az egy és hogy nem mikor hol".split()
    )
    - _ENGLISH
    - frozenset("per non et e o".split())  # which English texts have, too
)
_SIGNS = 0.05  # signs of code a character, from which a text is no prose
_FOREIGN = 0.1  # letters of another script a letter


def readable(text: str) -> bool:
    """Whether a text is prose in a language that the verifier was trained on.

    Args:
        text: any text.

    Returns:
        False for a text without a letter, in another script or language, for code and tables. Of two or three
        words nobody can tell the language: they count as readable.

    Example:
        >>> [readable(text) for text in ("It is safe.", "Das Mittel ist nicht sicher.", "x = f(y); z = {}")]
        [True, False, False]
    """
    letters = len(_LETTER.findall(text))
    if not letters or letters - len(_LATIN.findall(text)) > _FOREIGN * letters:
        return False
    if len(_CODE.findall(text)) > max(2, _SIGNS * len(text.replace(" ", ""))):
        return False
    words = [word.lower() for word in _WORD.findall(text)]
    english = sum(word in _ENGLISH for word in words)
    other = sum(word in _OTHER for word in words)
    return other <= english or other < 2
