//! Questions that are answered together: one statement finds what all ask for who ask at the same time.

use std::sync::Arc;

use diesel::result::QueryResult;
use tokio::sync::oneshot;

use super::connection::AnyConnection;
use super::together::Together;
use super::{Inner, Store, StoreError};

/// Those who wait for an answer.
pub(super) type Questions<A, T> = Together<Question<A, T>>;

pub(super) struct Question<A, T> {
    asked: A,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

/// Answers each, in their order.
pub(super) type AnswerAll<A, T> = fn(&mut AnyConnection, &[A]) -> QueryResult<Vec<T>>;

impl Store {
    /// Asks together with all who wait, and waits for the answer.
    pub(super) async fn ask<A, T>(
        &self,
        questions: &Arc<Questions<A, T>>,
        asked: A,
        answer_all: AnswerAll<A, T>,
    ) -> Result<T, StoreError>
    where
        A: Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let question = Question { asked, answer };
        self.share(questions, question, answered, move |inner, questions| serve(inner, questions, answer_all)).await
    }
}

fn serve<A, T>(inner: &Inner, questions: Vec<Question<A, T>>, answer_all: AnswerAll<A, T>) {
    let (asked, waiting): (Vec<A>, Vec<_>) =
        questions.into_iter().map(|Question { asked, answer }| (asked, answer)).unzip();
    match inner.visit(|connection| answer_all(connection, &asked)) {
        Ok(answers) => waiting.into_iter().zip(answers).for_each(|(waiting, answer)| tell(waiting, Ok(answer))),
        // One row that cannot be read is the trouble of whoever asked for it, and of nobody else.
        Err(StoreError::Corrupt(_)) if asked.len() > 1 => {
            for (asked, answer) in asked.into_iter().zip(waiting) {
                serve(inner, vec![Question { asked, answer }], answer_all);
            }
        }
        Err(error) => waiting.into_iter().for_each(|waiting| tell(waiting, Err(error.clone()))),
    }
}

/// Whoever has gone away needs no answer.
fn tell<T>(waiting: oneshot::Sender<Result<T, StoreError>>, answer: Result<T, StoreError>) {
    let _ = waiting.send(answer);
}
