from hashtag2action.sources.languages import language_of


def test_language_is_guessed_from_enough_text_only() -> None:
    assert language_of("Bài tập bụng cho người mới bắt đầu tại nhà") == "vi"
    assert language_of("Heute zeige ich euch mein Training fuer zu Hause") == "de"
    assert language_of("ok") is None
    assert language_of("\U0001f525" * 40) is None
