//! What machine this is: printed beside the numbers, so that a comparison can tell one machine from another.

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The machine that measured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostFacts {
    /// The processor's name.
    pub cpu: String,
    /// Cores that this process may use (affinity and quota counted).
    pub usable_cores: usize,
    /// Cores of the machine.
    pub cores: usize,
    /// Operating system and kernel.
    pub kernel: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// Looks at this machine; what cannot be found out stays empty or 0.
pub fn look() -> HostFacts {
    let what =
        RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what);
    HostFacts {
        cpu: system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default(),
        usable_cores: usable_cores(),
        cores: system.cpus().len(),
        kernel: System::kernel_long_version(),
        memory_bytes: system.total_memory(),
    }
}

/// Cores that this process may use, at least 1.
pub fn usable_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
