/* Runs each clip of clips.h twice, prints its answer, and counts the interrupts of the ends of samples. */
#include <irq.h>
#include <generated/csr.h>
#include <generated/mem.h>

#include "clips.h"
#include "spikeline_driver.h"

static volatile unsigned int interrupts;

void isr(void)
{
    if ((irq_pending() & irq_getmask() & 1u << SPIKELINE_INTERRUPT) == 0)
        return;
    interrupts++;
    SPIKELINE_WRITE32(SPIKELINE_BASE + SPIKELINE_CORE_IRQ_STATUS, SPIKELINE_CORE_IRQ_STATUS_SAMPLE_MASK);
}

static void put(char letter)
{
    while (uart_txfull_read())
        ;
    uart_rxtx_write(letter);
}

static void print(const char *text)
{
    while (*text != 0)
        put(*text++);
}

static void print_number(const char *name, int32_t number)
{
    char digits[11];
    int used = 0;
    uint32_t rest = number < 0 ? -(uint32_t)number : (uint32_t)number;

    print(name);
    put(' ');
    if (number < 0)
        put('-');
    do
        digits[used++] = '0' + rest % 10;
    while ((rest /= 10) != 0);
    while (used != 0)
        put(digits[--used]);
    put('\n');
}

int main(void)
{
    static const char *const classes[] = SPIKELINE_CLASSES;

    irq_setmask(1u << SPIKELINE_INTERRUPT);
    irq_setie(1);
    spikeline_ev_enable_write(1);
    print_number("check", spikeline_check(SPIKELINE_BASE));
#ifdef SPIKELINE_EAR
    print_number("listen", spikeline_listen(SPIKELINE_BASE, 0));
#endif
    SPIKELINE_WRITE32(SPIKELINE_BASE + SPIKELINE_CORE_IRQ_ENABLE, SPIKELINE_CORE_IRQ_ENABLE_SAMPLE_MASK);
    spikeline_reset(SPIKELINE_BASE);
    for (int clip = 0; clip < 2 * CLIPS; clip++) {
        int32_t scores[SPIKELINE_N_OUT];
        uint32_t label = 0;

        print_number("run", spikeline_run(SPIKELINE_BASE, clips[clip % CLIPS], STEPS, scores, &label));
        for (uint32_t index = 0; index < SPIKELINE_N_OUT; index++)
            print_number("score", scores[index]);
        print(classes[label]);
        put('\n');
    }
    print_number("interrupts", (int32_t)interrupts);
    put(4);
    for (;;)
        ;
}
