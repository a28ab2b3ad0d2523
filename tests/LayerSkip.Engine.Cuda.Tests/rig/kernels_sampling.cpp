#include "sampling.cu"
#include "kernel_table.h"

ADD_KERNEL(distribution);
ADD_KERNEL(draw);
ADD_KERNEL(accept_sampled);
