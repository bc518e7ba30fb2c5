#include "spikeline_driver.h"

#define END_OF_STEP 0x80000000u

static uint32_t get(uintptr_t base, uint32_t offset)
{
    return SPIKELINE_READ32(base + offset);
}

static void put(uintptr_t base, uint32_t offset, uint32_t value)
{
    SPIKELINE_WRITE32(base + offset, value);
}

/* The content of a register once it is not 0; 0 if it stays so. */
static uint32_t await(uintptr_t base, uint32_t offset)
{
    for (unsigned long poll = 0; poll < SPIKELINE_POLLS; poll++) {
        uint32_t found = get(base, offset);
        if (found != 0)
            return found;
    }
    return 0;
}

int spikeline_check(uintptr_t base)
{
    static const uint32_t hash[8] = SPIKELINE_ARTIFACT_HASH;

    if (get(base, SPIKELINE_CORE_IDENTITY) != SPIKELINE_CORE_IDENTITY_WORD ||
        get(base, SPIKELINE_MAILBOX_IDENTITY) != SPIKELINE_MAILBOX_IDENTITY_WORD)
        return SPIKELINE_WRONG_IDENTITY;
#ifdef SPIKELINE_EAR
    if (get(base, SPIKELINE_EAR_IDENTITY) != SPIKELINE_EAR_IDENTITY_WORD)
        return SPIKELINE_WRONG_IDENTITY;
#endif
    if (get(base, SPIKELINE_CORE_VERSION) != SPIKELINE_VERSION_WORD)
        return SPIKELINE_WRONG_VERSION;
    for (uint32_t word = 0; word < 8; word++)
        if (get(base, SPIKELINE_CORE_ARTIFACT_HASH0 + 4 * word) != hash[word])
            return SPIKELINE_WRONG_ARTIFACT;
    return SPIKELINE_OK;
}

void spikeline_reset(uintptr_t base)
{
    put(base, SPIKELINE_MAILBOX_CONTROL, SPIKELINE_MAILBOX_CONTROL_CLEAR_MASK);
    put(base, SPIKELINE_CORE_CONTROL, SPIKELINE_CORE_CONTROL_SOFT_RESET_MASK);
    put(base, SPIKELINE_MAILBOX_CONTROL, SPIKELINE_MAILBOX_CONTROL_CLEAR_MASK);
}

/* A word for the core; `room` is how many there is room for, as far as it is known. */
static int send(uintptr_t base, uint32_t word, int last, uint32_t *room)
{
    if (*room == 0)
        *room = await(base, SPIKELINE_MAILBOX_ROOM);
    if (*room == 0)
        return SPIKELINE_TIMEOUT;
    *room -= 1;
    put(base, last ? SPIKELINE_MAILBOX_EVENT_LAST : SPIKELINE_MAILBOX_EVENT, word);
    return SPIKELINE_OK;
}

/* What is left of a sample. */
struct sample {
    const uint8_t *counts;
    size_t steps;
    uint32_t input;
};

/* The next word of it. */
static uint32_t next_word(struct sample *left)
{
    while (left->input < SPIKELINE_N_IN) {
        uint32_t input = left->input++;
        uint32_t count = left->counts[input];
        if (count != 0)
            return count << 16 | input;
    }
    left->counts += SPIKELINE_N_IN;
    left->steps--;
    left->input = 0;
    return END_OF_STEP;
}

static int counts_fit(const uint8_t *counts, size_t steps)
{
    for (size_t index = 0; index < steps * SPIKELINE_N_IN; index++)
        if (counts[index] > SPIKELINE_MAX_COUNT)
            return 0;
    return steps != 0;
}

size_t spikeline_encode(const uint8_t *counts, size_t steps, uint32_t *words, size_t room)
{
    struct sample left = {counts, steps, 0};
    size_t used = 0;

    if (!counts_fit(counts, steps))
        return 0;
    while (left.steps != 0) {
        if (used == room)
            return 0;
        words[used++] = next_word(&left);
    }
    return used;
}

/* That the core takes samples of the host. */
static int hosted(uintptr_t base)
{
#ifdef SPIKELINE_EAR
    return (get(base, SPIKELINE_EAR_STATUS) & SPIKELINE_EAR_STATUS_HOST_MASK) != 0;
#else
    (void)base;
    return 1;
#endif
}

/* Two's complement, without a conversion that C leaves open. */
static int32_t number(uint32_t word)
{
    return word > INT32_MAX ? -(int32_t)~word - 1 : (int32_t)word;
}

#ifdef SPIKELINE_STRIDE
int spikeline_decode(const uint32_t words[SPIKELINE_ANSWER_WORDS], struct spikeline_step *answer)
{
    answer->label = words[0];
    answer->score = number(words[1]);
    answer->margin = words[2];
    return words[0] < SPIKELINE_N_OUT ? SPIKELINE_OK : SPIKELINE_WRONG_ANSWER;
}

int spikeline_answer(uintptr_t base, struct spikeline_step *answer)
{
    uint32_t words[SPIKELINE_ANSWER_WORDS];

    if (get(base, SPIKELINE_MAILBOX_ANSWERS) == 0)
        return SPIKELINE_NONE;
    for (uint32_t index = 0; index < SPIKELINE_ANSWER_WORDS; index++)
        words[index] = get(base, SPIKELINE_MAILBOX_ANSWER);
    return spikeline_decode(words, answer);
}

/* Step by step, with the answer to each SPIKELINE_STRIDE of them before the next, so that none is in the way. */
static int send_steps(uintptr_t base, const uint8_t *counts, size_t steps, int ends, struct spikeline_step *answers)
{
    struct sample left = {counts, steps, 0};
    uint32_t room = 0;
    size_t due = SPIKELINE_STRIDE;

    while (left.steps != 0) {
        uint32_t word = next_word(&left);
        int result = send(base, word, ends && left.steps == 0, &room);
        if (result != SPIKELINE_OK)
            return result;
        if (word != END_OF_STEP || steps - left.steps != due)
            continue;
        due += SPIKELINE_STRIDE;
        if (await(base, SPIKELINE_MAILBOX_ANSWERS) == 0)
            return SPIKELINE_TIMEOUT;
        result = spikeline_answer(base, answers++);
        if (result != SPIKELINE_OK)
            return result;
    }
    return SPIKELINE_OK;
}

int spikeline_steps(uintptr_t base, const uint8_t *counts, size_t steps, int ends, struct spikeline_step *answers)
{
    if (!counts_fit(counts, steps) || (!ends && steps % SPIKELINE_STRIDE != 0))
        return SPIKELINE_WRONG_COUNT;
    if (!hosted(base))
        return SPIKELINE_HEARS_EAR;
    int result = send_steps(base, counts, steps, ends, answers);
    if (result != SPIKELINE_OK)
        spikeline_reset(base);
    return result;
}

int spikeline_detect(uintptr_t base, uint32_t margin, uint32_t hold, uint32_t refractory, uint32_t silent)
{
    if (hold == 0 || hold > SPIKELINE_CORE_DETECT_HOLD_HOLD_MASK ||
        refractory > SPIKELINE_CORE_DETECT_REFRACTORY_REFRACTORY_MASK ||
        (silent >= SPIKELINE_N_OUT && silent != SPIKELINE_CORE_DETECT_SILENT_NONE_MASK))
        return SPIKELINE_WRONG_SETTING;
    put(base, SPIKELINE_CORE_DETECT_HOLD, hold);
    put(base, SPIKELINE_CORE_DETECT_REFRACTORY, refractory);
    put(base, SPIKELINE_CORE_DETECT_SILENT, silent);
    put(base, SPIKELINE_CORE_DETECT_MARGIN, margin); /* last: after a reset it is so large that no word is said */
    return SPIKELINE_OK;
}
#else
/* That an answer ends with its class, the lowest of the best. */
static int judged(const int32_t scores[SPIKELINE_N_OUT], uint32_t label)
{
    uint32_t best = 0;

    for (uint32_t index = 1; index < SPIKELINE_N_OUT; index++)
        if (scores[index] > scores[best])
            best = index;
    return label == best ? SPIKELINE_OK : SPIKELINE_WRONG_ANSWER;
}

int spikeline_decode(const uint32_t words[SPIKELINE_ANSWER_WORDS], int32_t scores[SPIKELINE_N_OUT],
                     uint32_t *label)
{
    for (uint32_t index = 0; index < SPIKELINE_N_OUT; index++)
        scores[index] = number(words[index]);
    *label = words[SPIKELINE_N_OUT];
    return judged(scores, *label);
}

int spikeline_answer(uintptr_t base, int32_t scores[SPIKELINE_N_OUT], uint32_t *label)
{
    if (get(base, SPIKELINE_MAILBOX_ANSWERS) == 0)
        return SPIKELINE_NONE;
    for (uint32_t index = 0; index < SPIKELINE_N_OUT; index++)
        scores[index] = number(get(base, SPIKELINE_MAILBOX_ANSWER));
    *label = get(base, SPIKELINE_MAILBOX_ANSWER);
    return judged(scores, *label);
}

static int send_sample(uintptr_t base, const uint8_t *counts, size_t steps)
{
    struct sample left = {counts, steps, 0};
    uint32_t room = 0;
    int result = SPIKELINE_OK;

    while (left.steps != 0 && result == SPIKELINE_OK) {
        uint32_t word = next_word(&left);
        result = send(base, word, left.steps == 0, &room);
    }
    return result;
}

int spikeline_run(uintptr_t base, const uint8_t *counts, size_t steps, int32_t scores[SPIKELINE_N_OUT],
                  uint32_t *label)
{
    if (!counts_fit(counts, steps))
        return SPIKELINE_WRONG_COUNT;
    if (!hosted(base))
        return SPIKELINE_HEARS_EAR;
    int result = send_sample(base, counts, steps);
    if (result == SPIKELINE_OK && await(base, SPIKELINE_MAILBOX_ANSWERS) == 0)
        result = SPIKELINE_TIMEOUT;
    if (result == SPIKELINE_OK)
        result = spikeline_answer(base, scores, label);
    if (result != SPIKELINE_OK)
        spikeline_reset(base);
    return result;
}
#endif

#ifdef SPIKELINE_EAR
int spikeline_listen(uintptr_t base, int ear)
{
    uint32_t mode = get(base, SPIKELINE_MAILBOX_MODE) & ~SPIKELINE_MAILBOX_MODE_WAIT_MASK;
    unsigned long poll = 0;

    spikeline_reset(base);
    if (ear)
        put(base, SPIKELINE_MAILBOX_EVENT_LAST, END_OF_STEP); /* ends a sample that was left, for the change waits */
    put(base, SPIKELINE_EAR_SOURCE, ear ? 0 : SPIKELINE_EAR_SOURCE_HOST_MASK);
    while (hosted(base) == (ear != 0))
        if (++poll == SPIKELINE_POLLS)
            return SPIKELINE_TIMEOUT;
    put(base, SPIKELINE_MAILBOX_MODE, ear ? mode : mode | SPIKELINE_MAILBOX_MODE_WAIT_MASK);
    spikeline_reset(base);
    return SPIKELINE_OK;
}
#endif

#ifdef SPIKELINE_CORE_RELOAD_DATA
/* RELOAD_STATUS when no network waits for the end of a sample. */
static int settled(uintptr_t base, uint32_t *status)
{
    for (unsigned long poll = 0; poll < SPIKELINE_POLLS; poll++) {
        *status = get(base, SPIKELINE_CORE_RELOAD_STATUS);
        if ((*status & SPIKELINE_CORE_RELOAD_STATUS_PENDING_MASK) == 0)
            return SPIKELINE_OK;
    }
    return SPIKELINE_TIMEOUT;
}

int spikeline_reload(uintptr_t base, const uint32_t *words, size_t count, uint32_t crc32)
{
    uint32_t status;

    if (count != get(base, SPIKELINE_CORE_RELOAD_WORDS))
        return SPIKELINE_WRONG_LENGTH;
    if (settled(base, &status) != SPIKELINE_OK)
        return SPIKELINE_TIMEOUT;
    put(base, SPIKELINE_CORE_RELOAD_BEGIN, SPIKELINE_CORE_RELOAD_BEGIN_BEGIN_MASK);
    for (size_t index = 0; index < count; index++)
        put(base, SPIKELINE_CORE_RELOAD_DATA, words[index]);
    put(base, SPIKELINE_CORE_RELOAD_COMMIT, crc32);
    if (settled(base, &status) != SPIKELINE_OK)
        return SPIKELINE_TIMEOUT;
    if ((status & SPIKELINE_CORE_RELOAD_STATUS_WRONG_LENGTH_MASK) != 0)
        return SPIKELINE_WRONG_LENGTH;
    return (status & SPIKELINE_CORE_RELOAD_STATUS_WRONG_CRC_MASK) != 0 ? SPIKELINE_WRONG_CRC : SPIKELINE_OK;
}
#endif
