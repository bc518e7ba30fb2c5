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

static int send_sample(uintptr_t base, const uint8_t *counts, size_t steps)
{
    uint32_t room = 0;

    for (size_t step = 0; step < steps; step++, counts += SPIKELINE_N_IN) {
        for (uint32_t input = 0; input < SPIKELINE_N_IN; input++)
            if (counts[input] != 0) {
                int result = send(base, (uint32_t)counts[input] << 16 | input, 0, &room);
                if (result != SPIKELINE_OK)
                    return result;
            }
        int result = send(base, END_OF_STEP, step == steps - 1, &room);
        if (result != SPIKELINE_OK)
            return result;
    }
    return SPIKELINE_OK;
}

int spikeline_answer(uintptr_t base, int32_t scores[SPIKELINE_N_OUT], uint32_t *label)
{
    uint32_t best = 0;

    if (get(base, SPIKELINE_MAILBOX_ANSWERS) == 0)
        return SPIKELINE_NONE;
    for (uint32_t index = 0; index < SPIKELINE_N_OUT; index++) {
        uint32_t word = get(base, SPIKELINE_MAILBOX_ANSWER);
        /* two's complement, without a conversion that C leaves open */
        scores[index] = word > INT32_MAX ? -(int32_t)~word - 1 : (int32_t)word;
        if (scores[index] > scores[best])
            best = index;
    }
    *label = get(base, SPIKELINE_MAILBOX_ANSWER);
    return *label == best ? SPIKELINE_OK : SPIKELINE_WRONG_ANSWER;
}

int spikeline_run(uintptr_t base, const uint8_t *counts, size_t steps, int32_t scores[SPIKELINE_N_OUT],
                  uint32_t *label)
{
    if (steps == 0)
        return SPIKELINE_WRONG_COUNT;
    for (size_t index = 0; index < steps * SPIKELINE_N_IN; index++)
        if (counts[index] > SPIKELINE_MAX_COUNT)
            return SPIKELINE_WRONG_COUNT;
#ifdef SPIKELINE_EAR
    if ((get(base, SPIKELINE_EAR_STATUS) & SPIKELINE_EAR_STATUS_HOST_MASK) == 0)
        return SPIKELINE_HEARS_EAR;
#endif
    int result = send_sample(base, counts, steps);
    if (result == SPIKELINE_OK && await(base, SPIKELINE_MAILBOX_ANSWERS) == 0)
        result = SPIKELINE_TIMEOUT;
    if (result == SPIKELINE_OK)
        result = spikeline_answer(base, scores, label);
    if (result != SPIKELINE_OK)
        spikeline_reset(base);
    return result;
}

#ifdef SPIKELINE_EAR
int spikeline_listen(uintptr_t base, int ear)
{
    uint32_t mode = get(base, SPIKELINE_MAILBOX_MODE) & ~SPIKELINE_MAILBOX_MODE_WAIT_MASK;
    unsigned long poll = 0;

    put(base, SPIKELINE_EAR_SOURCE, ear ? 0 : SPIKELINE_EAR_SOURCE_HOST_MASK);
    while (((get(base, SPIKELINE_EAR_STATUS) & SPIKELINE_EAR_STATUS_HOST_MASK) == 0) != (ear != 0))
        if (++poll == SPIKELINE_POLLS)
            return SPIKELINE_TIMEOUT;
    put(base, SPIKELINE_MAILBOX_MODE, ear ? mode : mode | SPIKELINE_MAILBOX_MODE_WAIT_MASK);
    if (!ear)
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
