/* The device of the system, its clips, and interrupts: of answers, and of transfers of answers by DMA. */
#ifndef DEVICE_H
#define DEVICE_H

#include <irq.h>
#include <generated/csr.h>
#include <generated/mem.h>

#include "clips.h"
#include "console.h"
#include "spikeline_driver.h"

enum { ANSWERED = 1, WRITTEN = 2 };

static volatile unsigned int interrupts, transfers;

void isr(void)
{
    if ((irq_pending() & irq_getmask() & 1u << SPIKELINE_INTERRUPT) == 0)
        return;
    uint32_t pending = spikeline_ev_pending_read();
    if ((pending & ANSWERED) != 0) {
        interrupts++;
        SPIKELINE_WRITE32(SPIKELINE_BASE + SPIKELINE_CORE_IRQ_STATUS, SPIKELINE_CORE_IRQ_STATUS_SAMPLE_MASK);
    }
    if ((pending & WRITTEN) != 0) {
        transfers++;
        spikeline_ev_pending_write(WRITTEN);
    }
}

static inline void begin(void)
{
    irq_setmask(1u << SPIKELINE_INTERRUPT);
    irq_setie(1);
    spikeline_ev_enable_write(ANSWERED | WRITTEN);
    print_number("check", spikeline_check(SPIKELINE_BASE));
    SPIKELINE_WRITE32(SPIKELINE_BASE + SPIKELINE_CORE_IRQ_ENABLE, SPIKELINE_CORE_IRQ_ENABLE_SAMPLE_MASK);
    spikeline_reset(SPIKELINE_BASE);
}

_Noreturn static inline void end(void)
{
    put(4);
    for (;;)
        ;
}

#ifdef CSR_SPIKELINE_DMA_READER_BASE_ADDR
#include "spikeline_dma.h"

/* Of whole lines of the data cache. */
static uint32_t words[(ROOM + 7) / 8 * 8] __attribute__((aligned(32)));
static uint32_t answers[512] __attribute__((aligned(32)));

/* `room` words of answers to a clip, in `answers`. */
static inline int transfer(int clip, size_t room)
{
    spikeline_dma_begin(words, spikeline_encode(clips[clip], STEPS, words, ROOM), answers, room);
    return spikeline_dma_end();
}

/* A transfer of many steps that is given up within them; what is left of them is not to be in the next one.
 * With answers per step there is room for the first only, and the device waits. */
static inline void cut(void)
{
    enum { FAR = 4000 };
    static uint32_t markers[FAR];
    size_t offset = 0;

    for (uint32_t index = 0; index < FAR; index++)
        markers[index] = 1u << 31;
    spikeline_dma_begin(markers, FAR, answers, SPIKELINE_ANSWER_WORDS);
    for (int poll = 0; poll < 20; poll++)
        offset = spikeline_dma_reader_offset_read();
    spikeline_dma_reader_enable_write(0);
    spikeline_dma_writer_enable_write(0);
    spikeline_reset(SPIKELINE_BASE);
    print_number("within", offset > 0 && offset < FAR - 1);
}
#endif

#endif
