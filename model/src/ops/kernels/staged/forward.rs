//! Mixed values and log-sum-exps.

use super::{Class, plain, tuned_for, written};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeTuneId;
use burn_cubecl::cubecl::prelude::InputScalar;
use burn_cubecl::cubecl::tune::{LocalTuner, Tunable, TunableSet};
use burn_cubecl::ops::numeric::full_device_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubek::attention::kernels::tune::key::AttentionKey;
use cubek::attention::kernels::{
    AttentionRoutine, AttentionRoutineCandidate, AttentionScoring, AttentionTensors,
    CubeStagedAttentionRoutine, ScoreScale, UnitAttentionRoutine,
};
use cubek::std::Hardware;
use cubek::std::autotune::{Autotune, GroupPriority, TuneCandidate};

/// The fastest kernels; results lie in a file by this name.
static TUNER: LocalTuner<AttentionKey, CubeTuneId> = LocalTuner::new("knowcoder-attention");

/// A kernel that may be the fastest.
type Staged = AttentionRoutineCandidate<CubeStagedAttentionRoutine>;

/// One attention, its results allocated.
#[derive(Clone)]
pub(super) struct Call {
    query: CubeTensor,
    operands: Operands,
}

/// What a kernel is launched with. Clones have one result between them, which whatever runs last has
/// written: the one that was chosen.
#[derive(Clone)]
struct Operands {
    key: AttentionKey,
    tensors: AttentionTensors,
}

impl Call {
    /// `None` for what no kernel takes on any device.
    pub(super) fn new([q, k, v]: [CubeTensor; 3], class: &Class) -> Option<Self> {
        let keys = InputScalar::new(class.keys as u32, dtype_to_storage_type(DType::U32));
        let (client, device) = (q.client.clone(), q.device.clone());
        let seen = full_device_dtype(client, Shape::new([class.rows]), device, keys, DType::U32);
        let scale = ScoreScale::standard(class.head_dim);
        let scoring = AttentionScoring { visibility: class.visibility(), scale };
        let client = &q.client;
        let (query, seen) = (plain(q.clone()), plain(seen));
        let tensors = AttentionTensors::new(client, query, plain(k), plain(v), seen, scoring);
        let tensors = tensors.ok()?.with_logsumexp();
        Some(Self { query: q, operands: Operands { key: key(class), tensors } })
    }

    /// Mixed values and log-sum-exps by the fastest kernel, which is looked for where it is not known.
    pub(super) fn launch(self) -> (CubeTensor, CubeTensor) {
        let Self { query, operands } = self;
        let id = tuned_for(&query);
        let hardware = Hardware::from_client(&query.client);
        let kernels = TUNER.init(&id, move || search(&hardware));
        TUNER.execute(&id, &query.client, kernels, operands.clone());
        let tensors = operands.tensors;
        let Some(sums) = tensors.logsumexp() else { unreachable!("it was asked for in `new`") };
        let sums = written(sums, &query, DType::F32);
        // A token's heads lie side by side there: `[b, s, h, d]`.
        let mut mixed = written(tensors.into_out(), &query, query.dtype);
        mixed.meta.swap(1, 2);
        (mixed, sums)
    }
}

/// What calls have in common that one measurement serves: lengths and rows up to a power of two.
pub(super) fn key(class: &Class) -> AttentionKey {
    AttentionKey::new(
        class.element,
        class.heads,
        class.key_value_heads,
        class.head_dim,
        class.queries,
        class.keys,
        class.rows,
        class.visibility(),
        ScoreScale::standard(class.head_dim),
        None,
        false,
    )
}

pub(super) fn candidates(hardware: &Hardware) -> Vec<Staged> {
    AttentionRoutineCandidate::list(CubeStagedAttentionRoutine, hardware)
}

/// Whether a kernel for tensor cores of this hardware takes such calls.
pub(super) fn suits(hardware: &Hardware, key: &AttentionKey) -> bool {
    candidates(hardware).iter().any(|candidate| candidate.blueprint(key).is_some())
}

/// What is measured: all candidates, on the operands of the first call of a class, so that measuring
/// takes no memory. Where none of them can be compiled, the one that every device has.
fn search(hardware: &Hardware) -> TunableSet<AttentionKey, Operands, ()> {
    let mut search: Autotune<AttentionKey, Operands, ()> =
        Autotune::new(|operands: &Operands| operands.key.clone());
    let staged = search.group("staged", GroupPriority::DEFAULT);
    let hardware = hardware.clone();
    let search = search.prioritized(&staged, candidates(&hardware), launched);
    let plainest = move |operands: Operands| {
        let launched = UnitAttentionRoutine.launch_lead_on(&hardware, operands.tensors);
        launched.map(|_| ()).map_err(|why| format!("the unit routine: {why:?}"))
    };
    search.floor(Tunable::new("unit", plainest)).finish()
}

fn launched(candidate: &Staged, operands: Operands) -> Result<(), String> {
    let launched = candidate.launch_on(operands.tensors);
    launched.map(|_| ()).map_err(|why| format!("{}: {why:?}", candidate.strategy()))
}
