//! What a program does to its memory without asking.

use world::{Access, Fault, Stop, Touch, Touched};

use crate::ctx::Ctx;
use crate::fault::KILL;
use crate::page::{PAGE, PAGE_BITS};

/// How a program ends that gets this.
fn stop(fault: Fault) -> Stop {
    if fault.signal == KILL { Stop::Killed } else { Stop::Signal(fault) }
}

impl Ctx<'_> {
    /// Performs accesses in rising order; a signal ends them.
    pub(crate) fn touch(&mut self, touch: &Touch) -> Touched {
        let touched = self.access_all(touch);
        if touch.access == Access::Write {
            self.note_content(touch, 0, touched.done);
        }
        touched
    }

    fn access_all(&mut self, touch: &Touch) -> Touched {
        let Touch { addr, count, stride, access, .. } = *touch;
        if count == 0 {
            return Touched { done: 0, stopped: None };
        }
        if stride == PAGE {
            let (done, fault) = self.access(addr, count, access);
            return Touched { done, stopped: fault.map(stop) };
        }
        let mut done = 0;
        while done < count {
            let Some(at) = stride.checked_mul(done).and_then(|by| addr.checked_add(by)) else {
                break;
            };
            if let (0, Some(fault)) = self.access(at, 1, access) {
                return Touched { done, stopped: Some(stop(fault)) };
            }
            // Further accesses to the same page find it there.
            let same = if stride == 0 {
                count
            } else {
                (((at >> PAGE_BITS) + 1) * PAGE - at).div_ceil(stride)
            };
            done = (done + same.max(1)).min(count);
        }
        Touched { done, stopped: None }
    }
}
