"""What a Record makes of observations."""

from sluice_demo.observations import LastWords, Scraped
from sluice_demo.record import unix_time
from story import DEADLINE, drained_pod, event, hpa, load, pod, record_of, scraped


def test_a_drain_runs_from_the_annotation_to_the_delete():
    record = record_of(pod(0, "a"), pod(0, "b"), *drained_pod("c", begin=40, end=48, initial=700, messages=50))
    (drain,) = record.finished_drains
    assert (drain.pod, drain.reason, drain.initial, drain.duration_s) == ("c", "ScaleDown", 700, 8)
    assert (drain.receivers, drain.beside, drain.messages_during) == (2, 0, 50)
    assert drain.connections_left == 0 and not drain.cancelled
    assert drain.samples == [(0.1, 700), (7.8, 0)]
    assert [each.name for each in record.living] == ["a", "b"]


def test_what_was_said_before_the_drain_is_no_message_during_it():
    record = record_of(pod(0, "a"), scraped(39, "a", 700, messages=100), pod(40, "a", draining=True))
    assert record.drains[0].messages_during is None
    record.apply(scraped(40.2, "a", 700, messages=900, asked_at=39.9))
    assert record.drains[0].messages_during is None
    record.apply(scraped(40.4, "a", 700, messages=920))
    record.apply(scraped(40.6, "a", 700, messages=921))
    assert record.drains[0].messages_during == 1


def test_a_drain_that_is_taken_back_is_not_finished_and_may_begin_again():
    record = record_of(pod(0, "a"), scraped(1, "a", 500), pod(2, "a", draining=True), pod(5, "a"), pod(9, "a", draining=True))
    assert [drain.cancelled for drain in record.drains] == [True, False]
    assert record.finished_drains == []
    assert len(record.open_drains) == 1


def test_a_name_that_is_used_again_is_another_pod():
    record = record_of(*drained_pod("a", begin=40, end=48, initial=700), pod(60, "a", uid="uid-second"))
    assert len(record.pods) == 2
    assert [each.uid for each in record.living] == ["uid-second"]


def test_the_first_answer_after_the_delete_says_what_was_left():
    record = record_of(pod(0, "a"), scraped(1, "a", 3), pod(2, "a", deleting=True))
    assert record.pods["uid-a"].left_at_deletion == 3
    record.apply(scraped(2.1, "a", 1))
    assert record.pods["uid-a"].left_at_deletion == 1
    record.apply(scraped(2.3, "a", 0))
    assert record.pods["uid-a"].left_at_deletion == 1


def test_a_pod_that_does_not_answer_keeps_its_last_word():
    record = record_of(pod(0, "a"), scraped(1, "a", 3), pod(2, "a", deleting=True))
    record.apply(Scraped(2.1, 2.1, "uid-a", None))
    assert record.pods["uid-a"].left_at_deletion == 3


def test_a_pod_that_ends_before_it_can_be_asked_is_believed_its_last_words():
    record = record_of(pod(0, "a"), scraped(1, "a", 3), pod(2, "a", deleting=True), LastWords(2.1, "uid-a", 0))
    assert record.pods["uid-a"].left_at_deletion == 0
    record.apply(scraped(2.2, "a", 5))
    assert record.pods["uid-a"].left_at_deletion == 0


def test_a_deletion_past_the_deadline_is_marked():
    record = record_of(pod(0, "a"), pod(1, "a", draining=True), pod(2, "a", draining=True, deleting=True))
    record.mark_past_deadline("uid-a", unix_time(DEADLINE) - 1)
    assert not record.drains[0].past_deadline
    record.mark_past_deadline("uid-a", unix_time(DEADLINE))
    assert record.drains[0].past_deadline


def test_the_hpa_is_read_with_and_without_metrics():
    record = record_of(pod(0, "a"), scraped(1, "a", 900), hpa(2, 0), hpa(3, 7, connections="1486500m", queue="12500m"))
    assert record.hpa[0].connections_average is None
    last = record.hpa[1]
    assert (last.desired, last.connections_average, last.queue_average, last.connections_total) == (7, 1486.5, 12.5, 900)


def test_an_event_is_told_once_for_each_time_it_is_counted():
    record = record_of(event(1, "DrainStarted", "x"), event(2, "DrainStarted", "x"), event(3, "DrainStarted", "x", count=2))
    assert [each.at for each in record.happenings] == [1, 3]


def test_loads_are_kept_for_what_was_there_when():
    assert record_of(load(1, 5), load(2, 9)).loads == [(1, 5), (2, 9)]
