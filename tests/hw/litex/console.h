/* Text on the UART of the system, until an end of transmission. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdint.h>
#include <generated/csr.h>

static inline void put(char letter)
{
    while (uart_txfull_read())
        ;
    uart_rxtx_write(letter);
}

static inline void print(const char *text)
{
    while (*text != 0)
        put(*text++);
}

static inline void print_number(const char *name, int32_t number)
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

#endif
