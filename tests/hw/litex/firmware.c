/* Runs each clip of clips.h twice through the mailbox, and twice by DMA if there is one, and prints its answers. */
#include "device.h"

static const char *const classes[] = SPIKELINE_CLASSES;

static void say(int result, const int32_t *scores, uint32_t label)
{
    print_number("run", result);
    for (uint32_t index = 0; index < SPIKELINE_N_OUT; index++)
        print_number("score", scores[index]);
    print(classes[label]);
    put('\n');
}

int main(void)
{
    int32_t scores[SPIKELINE_N_OUT];
    uint32_t label = 0;

    begin();
#ifdef SPIKELINE_EAR
    print_number("listen", spikeline_listen(SPIKELINE_BASE, 0));
    SPIKELINE_WRITE32(SPIKELINE_BASE + SPIKELINE_MAILBOX_EVENT, 1u << 31);
    print_number("listen", spikeline_listen(SPIKELINE_BASE, 1));
    print_number("listen", spikeline_listen(SPIKELINE_BASE, 0));
    interrupts = 0;
#endif
    for (int clip = 0; clip < 2 * CLIPS; clip++) {
        int result = spikeline_run(SPIKELINE_BASE, clips[clip % CLIPS], STEPS, scores, &label);
        say(result, scores, label);
    }
    print_number("interrupts", (int32_t)interrupts);
#ifdef SPIKELINE_DMA_H
    for (int clip = 0; clip < 2 * CLIPS; clip++) {
        int result = transfer(clip % CLIPS, SPIKELINE_ANSWER_WORDS);
        if (result == SPIKELINE_OK)
            result = spikeline_decode(answers, scores, &label);
        say(result, scores, label);
        if (clip == 0) {
            print_number("late", transfer(clip, SPIKELINE_ANSWER_WORDS + 1));
            cut();
        }
    }
    print_number("transfers", (int32_t)transfers);
    print_number("interrupts", (int32_t)interrupts);
#endif
    end();
}
