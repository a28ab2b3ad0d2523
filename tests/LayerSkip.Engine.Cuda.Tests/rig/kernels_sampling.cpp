#include "sampling.cu"
#include "kernel_table.h"

ADD_KERNEL(distribution);
ADD_KERNEL(race);
ADD_KERNEL(guess);
