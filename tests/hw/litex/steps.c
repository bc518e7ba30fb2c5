/* Runs each clip of clips.h through the mailbox, in two parts, and by DMA, and prints every answer and word. */
#include "device.h"

static void say(const struct spikeline_step *answer)
{
    print_number("class", (int32_t)answer->label);
    print_number("score", answer->score);
    print_number("margin", (int32_t)answer->margin);
}

static void detect(uint32_t margin)
{
    print_number("detect", spikeline_detect(SPIKELINE_BASE, margin, HOLD, REFRACTORY,
                                            SPIKELINE_CORE_DETECT_SILENT_NONE_MASK));
}

static void say_words(void)
{
    uint32_t said = SPIKELINE_READ32(SPIKELINE_BASE + SPIKELINE_CORE_DETECTED);

    print_number("words", (int32_t)(said >> SPIKELINE_CORE_DETECTED_COUNT_SHIFT));
    print_number("last", (int32_t)(said & SPIKELINE_CORE_DETECTED_WORD_MASK));
}

int main(void)
{
    enum { WHOLE = STEPS / SPIKELINE_STRIDE, FIRST = WHOLE / 2 };
    struct spikeline_step answer[WHOLE];

    begin();
    print_number("detect", spikeline_detect(SPIKELINE_BASE, MARGIN, 0, REFRACTORY, 0));
    print_number("detect", spikeline_detect(SPIKELINE_BASE, MARGIN, HOLD, REFRACTORY, SPIKELINE_N_OUT));
    detect(MARGIN);
    print_number("steps", spikeline_steps(SPIKELINE_BASE, clips[0], SPIKELINE_STRIDE + 1, 0, answer));
    for (int clip = 0; clip < CLIPS; clip++) {
        const uint8_t *rest = clips[clip] + FIRST * SPIKELINE_STRIDE * SPIKELINE_N_IN;
        print_number("steps",
                     spikeline_steps(SPIKELINE_BASE, clips[clip], FIRST * SPIKELINE_STRIDE, 0, answer));
        print_number("steps", spikeline_steps(SPIKELINE_BASE, rest, STEPS - FIRST * SPIKELINE_STRIDE, 1,
                                              answer + FIRST));
        for (int index = 0; index < WHOLE; index++)
            say(answer + index);
    }
    say_words();
    print_number("interrupts", (int32_t)interrupts);
    detect(UINT32_MAX); /* nothing of what is cut is said */
    print_number("late", transfer(0, WHOLE * SPIKELINE_ANSWER_WORDS + 1));
    cut();
    detect(MARGIN);
    for (int clip = 0; clip < CLIPS; clip++) {
        print_number("transfer", transfer(clip, WHOLE * SPIKELINE_ANSWER_WORDS));
        for (int index = 0; index < WHOLE; index++) {
            print_number("decode", spikeline_decode(answers + SPIKELINE_ANSWER_WORDS * index, answer));
            say(answer);
        }
    }
    say_words();
    print_number("transfers", (int32_t)transfers);
    end();
}
