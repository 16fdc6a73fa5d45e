from hashtag2action.hashtags.seeds import candidates, class_names


def test_vocabularies_ship_whole() -> None:
    sizes = {name: len(class_names(name)) for name in ("ucf101", "hmdb51", "kinetics400", "ssv2")}
    assert sizes == {"ucf101": 101, "hmdb51": 51, "kinetics400": 400, "ssv2": 174}


def test_own_groups_win_over_class_lists() -> None:
    found = candidates(["ucf101"], {"press-ups": ["pushups"]}, {})
    assert found["pushups"].action_group == "press-ups"
    assert found["pushups"].origin == "recipe"
    assert found["babycrawling"].origin == "ucf101: BabyCrawling"


def test_one_action_of_several_lists_is_one_group() -> None:
    found = candidates(["ucf101", "hmdb51", "kinetics400"], {}, {})
    assert found["pushups"].action_group == found["pushup"].action_group


def test_what_several_groups_generalize_to_is_a_group_of_its_own() -> None:
    found = candidates(["kinetics400"], {}, {})
    assert found["dancing"].action_group == "dancing"
    assert "generalization" in found["dancing"].principles


def test_a_taxonomy_specifies_groups_in_any_script() -> None:
    found = candidates([], {"dance": ()}, {"dance": ["cha cha", "танго"], "cooking": ["baking"]})
    assert found["chachadance"].action_group == "dance"
    assert found["танго"].principles == ("specification",)
    assert "baking" not in found


def test_every_visible_tag_of_the_paper_that_is_a_form_of_a_class_is_proposed(shared) -> None:
    listed = shared("labels/h2a_hashtags_first89.txt").read_text(encoding="utf-8").split()
    found = candidates(["ucf101", "hmdb51", "kinetics400"], {}, {})
    assert sum(tag.lstrip("#") in found for tag in listed) >= 39
