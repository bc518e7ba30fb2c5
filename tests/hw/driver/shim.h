/* Registers behind two functions instead of addresses, for tests of the C driver. */
#include <stdint.h>

extern uint32_t (*shim_read)(uint32_t offset);
extern void (*shim_write)(uint32_t offset, uint32_t value);

#define SPIKELINE_READ32(address) shim_read((uint32_t)(address))
#define SPIKELINE_WRITE32(address, value) shim_write((uint32_t)(address), (value))
#define SPIKELINE_POLLS 100
