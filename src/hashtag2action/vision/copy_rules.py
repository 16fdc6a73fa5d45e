"""When one clip that was laid on another shows the same."""

from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.vision.fingerprint import SAMPLES_PER_S
from hashtag2action.vision.laid import NOTHING_MOVES, SAME_SPEED, Laid

_NEARLY_SAME_SPEED = 0.013  # chosen: two ends that are each a frame off in five seconds
_HALF_A_PICTURE_OFF = 0.026  # chosen: in two and a half seconds; a fast part tells no better
_LITTLE = 0.03  # departure or share of cells; what encoding anew makes of small footage
_MIN_PART_START_S = 0.2  # chosen: takes that were cut at one pose are less apart
_WHOLLY = 0.8  # of a clip; chosen: takes of one action are about as long
_HARDLY_CROPPED = 0.95  # of a side


class CopyRules(Config):
    """When two clips are copies.

    Another take of one person at one place may fall in step with the first, at some speed and from
    some moment on. So what a copy may depart by is the less, the more had to be tried to lay it on
    the other. All values were chosen on rendered clips, other takes of them, and consecutive takes
    of real push-ups; the benchmark's clips are others.
    """

    max_start_s: float = Field(default=0.05, ge=0)
    """Largest difference of the first moments of clips that begin together. Chosen: a frame at 25 a
    second; consecutive takes that were cut at one pose need more."""
    max_slip: float = Field(default=SAME_SPEED, ge=0)
    """Largest difference of the speeds of clips that begin together. Chosen: half the least change
    of speed that is tried, which is to say none."""
    max_disagreeing: float = Field(default=0.15, ge=0, le=1)
    """Largest share of the picture that disagrees where nothing is said to cover it."""
    max_departure: float = Field(default=0.015, ge=0)
    """Largest departure of the movements of uncropped clips that begin together."""
    max_exact_departure: float = Field(default=0.04, ge=0)
    """The same where they begin with the same picture, at the same speed to 0.7 %: hardly another
    take does. Chosen: small real footage, encoded anew, departs by 0.03."""
    max_rest_levels: float = Field(default=0.8, ge=0)
    """The same in gray levels: an encoder's noise weighs more where little moves."""
    max_cropped_departure: float = Field(default=0.1, ge=0)
    """Largest departure of cropped clips that begin together: the crop is known to half a step."""
    max_cropped_rest_levels: float = Field(default=1.2, ge=0)
    """The same in gray levels."""
    max_noisy_departure: float = Field(default=0.2, ge=0)
    """Largest departure that noise of so many gray levels excuses."""
    min_change_of_speed: float = Field(default=0.04, ge=0)
    """Least change of speed that counts as one. Chosen: other takes need a few per cent to fit."""
    max_paced_departure: float = Field(default=0.08, ge=0)
    """Largest departure at another speed, where both clips are compared from end to end."""
    min_paced_s: float = Field(default=3.0, gt=0)
    """Least time that is compared at another speed."""
    min_part_s: float = Field(default=2.0, gt=1)
    """Least time that a part from another moment shows. Chosen: less is short to all rules here; no
    sharp border lies there. Of takes of one person at one place (UCF101, 60 groups), parts of 1.5
    to 1.9 s would be known in 280 of 343 cases, and taken for another take's in 14 of 1,035; parts
    of 2.1 to 3 s are in 248 of 304, and in 8 of 918."""
    max_part_departure: float = Field(default=0.1, ge=0)
    """Largest departure of a part of 2.5 seconds from another moment; less for shorter ones."""
    max_slow_departure: float = Field(default=0.025, ge=0)
    """Largest departure of a part that moves so slowly that pictures follow, or"""
    max_part_rest_levels: float = Field(default=0.5, ge=0)
    """largest rest in gray levels. Chosen: between takes of real push-ups 0.66 and more is left."""
    max_departure_of_steps: float = Field(default=1.2, ge=0)
    """Largest departure of a part, or of a clip that had to be cropped to fit, in departures of a
    clip from itself some moments later: who does one thing again and again is in step with
    himself, and so are his takes."""
    max_unrepeated_departure: float = Field(default=0.1, ge=0)
    """Largest departure of uncropped clips that begin with the same picture, in departures of a
    clip from itself: where a camera moves, no moment is like another, and none of another take."""
    min_haste: float = Field(default=0.5, ge=0)
    """Least share of the movement that every second picture does not tell, from which on it is
    fast. Chosen: real push-ups stay below 0.46, rendered jumping and waving reach 1."""
    max_hasty_departure: float = Field(default=0.15, ge=0)
    """Largest departure of what moves so fast, wholly or in part, at another speed, too."""
    max_hasty_slow_rest: float = Field(default=0.14, ge=0)
    """Largest share of its movement that stays apart for a second. Chosen: parts keep below 0.13,
    other takes of one action above 0.21."""
    max_covered_departure: float = Field(default=0.2, ge=0)
    """Largest departure beside a sticker or a caption, of uncropped clips that begin together,
    where each cell may move by a share of its own."""
    max_noisy_covered_departure: float = Field(default=0.35, ge=0)
    """The same where what remains is no more than `max_rest_levels`: an encoder's noise weighs much
    where the sticker covers most of the movement."""
    max_covered: float = Field(default=0.45, ge=0, le=1)
    """Largest share that disagrees under a cover. Chosen: what covers a fifth sharply disturbs
    twice as much of a blurred picture."""
    max_unexplained: float = Field(default=0.1, ge=0, le=1)
    """Largest share that disagrees though nothing covers it, at any departure allowed."""
    max_doubtful: float = Field(default=0.35, ge=0, le=1)
    """The same where movements depart by less than half of `max_paced_departure`. Chosen: where a
    camera moves, the edge of a sticker disturbs moving pictures."""
    min_witness: float = Field(default=0.25, gt=0, le=1)
    """Least share of the movement that is not covered."""
    min_clear: float = Field(default=0.35, gt=0, le=1)
    """Least share of the picture away from all that disagrees, where that alone bears witness."""
    min_clear_likeness: float = Field(default=0.9985, gt=0, le=1)
    """Least correlation of the mean pictures there. Chosen: copies keep above 0.9988, other takes
    and other actions of a person who is hidden below 0.9975."""
    min_still_clear_likeness: float = Field(default=0.995, gt=0, le=1)
    """The same where hardly anything moves: cards of one make with other words have less."""
    min_clear_movement: float = Field(default=0.75, gt=0, le=1)
    """Least correlation of the movement there, where that bears witness."""
    min_sure_clear_movement: float = Field(default=0.85, gt=0, le=1)
    """The same where more than `max_unexplained` disagrees that no cover explains."""
    min_clear_levels: float = Field(default=0.3, ge=0)
    """Least gray levels of this movement."""
    max_hidden: float = Field(default=0.7, ge=0, le=1)
    """Largest departure, by cells, of what shows beside a cover that hides what moves."""
    min_movement_levels: float = Field(default=0.5, ge=0)
    """Gray levels below which hardly anything moves."""
    min_still_sharpness: float = Field(default=0.985, gt=0, le=1)
    """Least correlation of sharp pictures where hardly anything moves, in parts, and in less than
    two seconds. Chosen: sky above, ground below is many a landscape, and many a title."""

    def is_copy(self, laid: Laid) -> bool:
        """Say whether the two show the same."""
        found = laid.agreement
        is_short = found.num_shared < 2 * SAMPLES_PER_S
        begins = abs(laid.timing.offset_s) <= self.max_start_s
        is_part = not begins or min(laid.coverage) <= _WHOLLY
        if is_short and (found.disagreeing > _LITTLE or laid.sharpness < self.min_still_sharpness):
            return False
        if self._is_clear(laid):
            return True
        if found.movement_levels < self.min_movement_levels:
            if begins:
                return self._is_still_copy(laid)
            is_sure = laid.rest_levels <= self.max_rest_levels / 8
            return is_sure and self._is_part(laid)
        # Of two seconds nothing may disagree, of four as much as there ever may.
        share = min(1.0, max(0.2, found.num_shared / SAMPLES_PER_S / 2 - 1))
        if found.disagreeing <= self.max_disagreeing * share and (
            (begins and self._begins_alike(laid))
            or (begins and self._is_paced(laid))
            or (is_part and self._is_part(laid))
            or (not is_short and self._is_hasty(laid))
        ):
            return True
        is_long = found.num_shared >= 2.5 * SAMPLES_PER_S
        return is_long and (begins or laid.departure <= _LITTLE) and self._is_covered(laid)

    def _is_still_copy(self, laid: Laid) -> bool:
        """Judge clips in which hardly anything moves: only uncropped ones are known again."""
        found = laid.agreement
        if laid.side < _HARDLY_CROPPED:
            return False
        is_same = laid.sharpness >= self.min_still_sharpness and found.disagreeing <= _LITTLE
        if found.movement_levels < NOTHING_MOVES:
            return is_same
        is_quiet = laid.rest_levels <= self.max_rest_levels / 2 and laid.departure <= 0.5
        is_explained = (
            found.unexplained <= 0.01
            and found.disagreeing <= self.max_doubtful
            and found.clear_likeness >= self.min_still_clear_likeness
        )
        return is_quiet and (is_same or is_explained)

    def _begins_alike(self, laid: Laid) -> bool:
        if laid.slip > self.max_slip:
            return False
        share = min(1.0, laid.agreement.num_shared / (2 * SAMPLES_PER_S))
        is_noisy = laid.departure <= self.max_noisy_departure * share
        if laid.side >= 0.97:
            is_noise = is_noisy and laid.rest_levels <= self.max_rest_levels
            most = self.max_exact_departure if laid.begins_equal else self.max_departure
            return is_noise or laid.departure <= most * share or self._is_unrepeated(laid)
        is_noise = is_noisy and laid.rest_levels <= self.max_cropped_rest_levels
        is_near = laid.departure <= self.max_cropped_departure * share
        return is_noise or (is_near and self._is_no_repetition(laid))

    def _is_no_repetition(self, laid: Laid) -> bool:
        return laid.departure <= self.max_departure_of_steps * laid.steps

    def _is_unrepeated(self, laid: Laid) -> bool:
        """Say whether they agree from one picture on as no two moments of either clip do."""
        if not laid.begins_equal or laid.agreement.num_shared < 2 * SAMPLES_PER_S:
            return False
        return laid.departure <= self.max_unrepeated_departure * laid.steps

    def _is_paced(self, laid: Laid) -> bool:
        return (
            laid.slip >= self.min_change_of_speed
            and min(laid.coverage) >= 0.9
            and laid.departure <= self.max_paced_departure
            and laid.agreement.num_shared >= self.min_paced_s * SAMPLES_PER_S
        )

    def _is_part(self, laid: Laid) -> bool:
        """Judge a part from another moment on, at equal speed."""
        # Of a second nothing is let pass, of two and a half all.
        share = min(1.0, (laid.agreement.num_shared / SAMPLES_PER_S - 1) / 1.5)
        is_sure = laid.departure <= _LITTLE
        # What is not too fast to be followed departs by an encoder's noise only.
        is_explained = (
            laid.rest_levels <= self.max_part_rest_levels
            or laid.departure <= self.max_slow_departure + self.max_hasty_departure * laid.haste
        )
        return (
            is_explained
            and laid.agreement.num_shared >= self.min_part_s * SAMPLES_PER_S
            and laid.slip <= (_NEARLY_SAME_SPEED if is_sure else SAME_SPEED)
            and max(laid.coverage) >= 0.85
            and laid.sharpness >= self.min_still_sharpness
            and laid.departure <= self.max_part_departure * share
            and (is_sure or laid.agreement.disagreeing <= _LITTLE)
            and (
                is_sure
                or (laid.side >= 0.97 and min(laid.coverage) <= _WHOLLY)
                or (laid.side >= 0.97 and abs(laid.timing.offset_s) >= _MIN_PART_START_S)
            )
            and self._is_no_repetition(laid)
        )

    def _is_hasty(self, laid: Laid) -> bool:
        """Judge clips in which limbs wave faster than pictures follow each other.

        Between two pictures of the original nobody knows where they were, so the movements of a
        part, and of a copy at another speed, agree less. But what is fast repeats itself within a
        second, and over one the pictures agree as those of no other take do.
        """
        is_paced = laid.slip >= self.min_change_of_speed and min(laid.coverage) >= 0.9
        return (
            (is_paced or laid.slip <= _HALF_A_PICTURE_OFF)
            and laid.side >= 0.97
            and max(laid.coverage) >= 0.85
            and laid.sharpness >= self.min_still_sharpness
            and laid.agreement.disagreeing <= _LITTLE
            and laid.agreement.slow_rest <= self.max_hasty_slow_rest
            and laid.departure <= self.max_hasty_departure
            and laid.haste >= self.min_haste
        )

    def _is_clear(self, laid: Laid) -> bool:
        """Judge what no cover disturbs of uncropped clips that begin with the same picture.

        A cover may hide all that moves. Who is somewhere else in another take disturbs cells that
        nothing covers, and his shadow those around.
        """
        found = laid.agreement
        is_sure = found.clear_movement >= self.min_sure_clear_movement
        moves_alike = (
            found.clear_levels >= self.min_clear_levels
            and found.clear_movement >= self.min_clear_movement
            and found.unexplained <= (self.max_doubtful if is_sure else self.max_unexplained)
        )
        may_hide = (
            found.unexplained <= _LITTLE
            and found.movement_levels >= NOTHING_MOVES
            and laid.departure_by_cell <= self.max_hidden
        )
        return (
            laid.begins_equal
            and laid.side >= _HARDLY_CROPPED
            and found.num_shared >= 2.5 * SAMPLES_PER_S
            and _LITTLE <= found.disagreeing <= self.max_covered
            and found.clear >= self.min_clear
            and found.clear_likeness >= self.min_clear_likeness
            and (may_hide or moves_alike)
        )

    def _is_covered(self, laid: Laid) -> bool:
        found = laid.agreement
        departure = laid.departure_by_cell
        is_unrepeated = self._is_unrepeated(laid)
        is_sure = is_unrepeated or departure <= self.max_paced_departure / 2
        explained = found.disagreeing - found.unexplained
        # What is hidden disturbs what is beside it, and no more than that.
        is_beside = departure <= min(self.max_covered_departure, max(_LITTLE, explained))
        is_noise = (
            laid.rest_levels <= self.max_rest_levels
            and explained >= self.max_unexplained
            and departure <= self.max_noisy_covered_departure
        )
        return (
            laid.slip <= _NEARLY_SAME_SPEED
            and laid.side >= _HARDLY_CROPPED
            and (is_beside or is_noise or is_unrepeated)
            and _LITTLE <= found.disagreeing <= self.max_covered
            and found.unexplained <= (self.max_doubtful if is_sure else self.max_unexplained)
            and found.witness >= self.min_witness
        )
