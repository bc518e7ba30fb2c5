/* Samples and answers through memory, for a device that was added to a SoC of LiteX as "spikeline", with dma=True. */
#ifndef SPIKELINE_DMA_H
#define SPIKELINE_DMA_H

#include <system.h>
#include <generated/csr.h>
#include <generated/mem.h>

#include "spikeline_driver.h"

/* Send the `count` words of a sample (spikeline_encode), and have `room` words of answers written. Until
 * spikeline_dma_end both must stay, and `answers` must share no line of a data cache with anything else. */
static inline void spikeline_dma_begin(const uint32_t *words, size_t count, uint32_t *answers, size_t room)
{
    flush_cpu_dcache();
    spikeline_dma_writer_base_write((uintptr_t)answers);
    spikeline_dma_writer_length_write((uint32_t)(4 * room));
    spikeline_dma_writer_enable_write(1);
    spikeline_dma_reader_base_write((uintptr_t)words);
    spikeline_dma_reader_length_write((uint32_t)(4 * count));
    spikeline_dma_reader_enable_write(1);
}

/* Once the answers are written; SPIKELINE_TIMEOUT if they are not, and the device is reset. */
static inline int spikeline_dma_end(void)
{
    unsigned long poll = 0;
    int done;

    do
        done = spikeline_dma_writer_done_read() != 0;
    while (!done && ++poll != SPIKELINE_POLLS);
    spikeline_dma_reader_enable_write(0);
    spikeline_dma_writer_enable_write(0);
    flush_cpu_dcache();
    if (!done)
        spikeline_reset(SPIKELINE_BASE);
    return done ? SPIKELINE_OK : SPIKELINE_TIMEOUT;
}

#endif
